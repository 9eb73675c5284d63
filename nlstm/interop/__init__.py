"""Doors to other libraries: their files in and out. Each is loaded when it is asked for."""
