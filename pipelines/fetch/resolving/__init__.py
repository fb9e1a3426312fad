"""From a URL to addresses that may be reached.

address      which URLs and addresses those are
dns_lookup   asks name servers, many names at once
resolver     the client's resolver: it lets only checked addresses through
"""
