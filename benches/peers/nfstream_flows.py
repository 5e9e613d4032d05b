#!/usr/bin/env python3
"""Lets nfstream read a capture, writes its flows as CSV, prints their number and sums.

usage: nfstream_flows.py CAPTURE CSV
"""

import sys

from nfstream import NFStreamer


def main():
    capture, csv = sys.argv[1:]
    rows = packets = octets = 0
    # Accounting mode 1: octets of IP packets. One meter, for processor time is what is compared.
    flows = NFStreamer(source=capture, accounting_mode=1, idle_timeout=30, active_timeout=60, n_meters=1)
    with open(csv, "w") as out:
        for flow in flows:
            if rows == 0:
                out.write(",".join(flow.keys()) + "\n")
            out.write(",".join(map(str, flow.values())) + "\n")
            rows += 1
            packets += flow.bidirectional_packets
            octets += flow.bidirectional_bytes
    print(rows, packets, octets)


if __name__ == "__main__":
    main()
