"""What comes from outside: errors of other libraries become sentences, and text from the data harmless to show."""
