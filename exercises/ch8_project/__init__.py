"""Exercises of chapter 8, the project."""
