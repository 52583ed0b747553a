"""What the app's pages show: a shell around all pages, components drawn in the browser, and a folder for each page."""
