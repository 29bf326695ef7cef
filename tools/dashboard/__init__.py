"""The Grafana dashboard: its panels, its file, and a picture of it."""
