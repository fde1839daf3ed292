"""The command line: commands, flags and tables; the only code that prints."""
