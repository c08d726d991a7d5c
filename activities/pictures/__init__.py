"""Pictures of reports: drawn in a process of their own, as SVG or PNG, light or dark."""
