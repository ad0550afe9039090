"""Chat: one engine that turns a conversation into the echo's next reply.

`render` writes messages as tokens, `context` chooses what fits, `disclosure` knows when to say
that this is an AI, `sampling` draws tokens, `engine` puts them together. Imports nothing heavy
by itself, and no room above it.
"""
