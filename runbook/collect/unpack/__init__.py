"""Takes apart what people hand over, before any of it is recognised: mails, chats, tickets, web pages, diffs, terminal
recordings, archives, log exports. One small reader for each; pure functions over text and bytes, all of them bounded.
"""
