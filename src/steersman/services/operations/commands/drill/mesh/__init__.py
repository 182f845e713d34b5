"""The mesh of the drill: small real programs that speak HTTP with each other and hold faults that can be planted.

Each program is a process of its own (`python -m ...mesh.orders FOLDER`) and knows nothing of the platform that
watches it. They import the standard library and one another, so that nine of them fit beside a watcher on two cores.
"""
