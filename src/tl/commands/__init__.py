"""What each command does: one file a command, and the assembly of a recipe, which knows every part."""
