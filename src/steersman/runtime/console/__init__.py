"""The console: a server-rendered shell, its static files and its languages. Knows no service; shows what they declare."""
