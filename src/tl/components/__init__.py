"""What a recipe chooses (a folder a group, a file an option), and the model that these parts make."""
