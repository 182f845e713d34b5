"""The ways in that need more than a name and a password: each module adds its operations and pages to the application.

Nothing here decides who may do what; that is identity's, and the door's for every request that follows.
"""
