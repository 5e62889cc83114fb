"""The SendKit face: the routes under `/v1/`."""
