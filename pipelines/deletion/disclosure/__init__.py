"""What a member is told of everything that is held on them: gathered, and written as JSON and as a page."""
