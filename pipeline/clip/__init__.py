"""A clip's way from an original file to a ladder, its playlists, its poster frame, its preview and its strip."""
