"""The published description of both faces: OpenAPI 3.1, made from models and the route table."""
