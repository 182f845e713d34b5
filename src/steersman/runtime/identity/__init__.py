"""Who is calling: accounts and roles, passwords, tokens, sessions and API keys, and what the door asks about them.

`identity.py` is what others use. It stores in the control database, keeps its keys in the data directory, and speaks no
HTTP. Nothing here is reachable without going through the door or a handler that asked for a permission.
"""
