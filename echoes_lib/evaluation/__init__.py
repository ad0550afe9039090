"""Evaluation: how close the echo comes to the person's real answers, against its base.

`likelihood` and `overlap` measure, `bootstrap` says how sure that is, `compare` does both for
base and echo, `pictures` shows it. Imports nothing heavy by itself.
"""
