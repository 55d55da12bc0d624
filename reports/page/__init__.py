"""The page: view models, drawings and pictures, put into the templates."""
