"""What we remember: the models, the event chain, encrypted identity and the one way to a case."""
