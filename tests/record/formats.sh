#!/bin/sh
# Writes the first packets of a recorded capture in the formats that editcap (Wireshark) can write and leaktrace reads.
set -e
cd "$(dirname "$0")/../fixtures"
mkdir -p formats
editcap -F pcap -r "$1" formats/base.pcap 1-24
for form in modpcap netmon1 netmon2 nokiapcap nsecpcap pcapng rh6_1pcap snoop suse6_3pcap; do
    editcap -F "$form" formats/base.pcap "formats/$form.cap"
done
