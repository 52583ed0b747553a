"""Pictures drawn and moved in the browser, each updated in place while its data are replaced."""
