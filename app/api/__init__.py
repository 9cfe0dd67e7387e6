"""REST v1 and OpenAI's API: each route parses the request, calls one service, and answers."""
