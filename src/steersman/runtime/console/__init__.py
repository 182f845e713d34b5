"""The console: a server-rendered shell, its static files and languages. Shows what services declare, and knows none."""
