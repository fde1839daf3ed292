"""What a run is to be: recipes, read and checked before anything heavy is imported."""
