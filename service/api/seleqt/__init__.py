"""The Seleqt face: the routes under `/api/v1/public/`."""
