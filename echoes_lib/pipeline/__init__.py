"""The chain of notebooks over papermill: typed parameters in, an answering echo out."""
