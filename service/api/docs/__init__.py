"""The reference for people at `/docs`, and the document it shows at `/openapi.json`."""
