"""What was seen happening: requests, log lines and messages in one form, with routes and symptoms named. No I/O."""
