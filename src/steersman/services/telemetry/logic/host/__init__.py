"""What the kernel's text says about this machine, as readings with node_exporter's names.

Pure parsers of files under /proc and /sys: text in, readings out. Who opens the files is `jobs/host.py`.
A file that a kernel or a container does not have is an empty text here, and yields no reading.
"""
