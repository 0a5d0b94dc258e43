"""The command line. The only place, with its progress display, that prints."""
