"""What all pages share: frame, address, models, work beside a page, training runs, files."""
