"""The edge for staff: pages."""
