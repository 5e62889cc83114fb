"""`leadfall demo`: runs the main job over real sockets and checks everything that came of it."""
