"""Answers come in: from files, shown before they are written, and from the terminal."""
