"""Servers and folders made to hurt, in numbers: what they answer and hold, for the tests beside."""
