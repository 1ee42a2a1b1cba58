"""Exercises of chapter 5, language."""
