"""A static site: a page per cause with a search, and the browser edition. Nothing in it loads from another host."""
