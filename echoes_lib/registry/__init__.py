"""Registry: one MLflow model per person, and the gates to @champion.

`agent` is the model, `package` logs it, `register` makes a version, `gates` decide,
`card` describes, `load` brings it back, `export` writes it for use
elsewhere. Imports nothing heavy by itself.
"""
