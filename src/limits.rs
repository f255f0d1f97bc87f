//! Every bound that evidence can run into, each with its reason. In: nothing. Out: constants.
//! What a bound costs is counted as a diag where it is applied; no bound is silent.

/// Connections that FTP announced and nobody opened yet: a control connection announces one at a time.
pub const EXPECTED: usize = 256;
/// Calls of a connection that FTP announced which wait for a word of the other side: a file of request lines has few of them ...
pub const FTP_KEPT: usize = 256;
/// ... and their bytes.
pub const FTP_KEPT_BYTES: usize = 1 << 20;

/// Bytes read from a file at once: large enough that system calls vanish, small enough to be in a core's cache still when they are parsed.
pub const READ_BLOCK: usize = 512 << 10;
/// Largest capture block (packet with its options) believed: real snap lengths end at 256 KiB, offloaded packets at a few MiB.
pub const CAPTURE_BLOCK: usize = 16 << 20;
/// Captured bytes of one packet always believed, whatever the snap length in the header says: the largest that dumpcap writes.
pub const PACKET_BYTES: u32 = 262_144;
/// Interfaces remembered in one pcapng section.
pub const INTERFACES: usize = 65_536;
/// Growing files of a folder that are read at once before the quiet ones among them are taken for complete: a capture that
/// rotates writes one at a time.
pub const FOLLOWED: usize = 16;
/// Bytes looked at to tell what a file is.
pub const SNIFF_BYTES: usize = 64 << 10;
/// Zeros before a log that are passed over to see what it is: a file that was cut while a server wrote to it has them.
pub const NOTHING_BYTES: usize = 64 << 20;
/// Folders inside folders walked for evidence.
pub const FOLDER_DEPTH: usize = 64;
/// Members of an archive and of those inside it that are looked at: a year of captures that rotate every six minutes.
pub const ARCHIVE_MEMBERS: usize = 100_000;
/// Archives inside archives: a backup of a folder of archives, and one more.
pub const ARCHIVE_DEPTH: usize = 3;
/// Bytes kept in a file without a name of what an archive given holds compressed as a whole: below what a disk has that takes a
/// case. For each archive the rule of [`BOMB_RATIO`] and [`BOMB_FLOOR`] holds as well; what one inside another takes is taken
/// from the other's, so that the floor counts once for a file given.
pub const ARCHIVE_SPILL: u64 = 64 << 30;
/// Bytes of a member's name that are shown: twice what file systems allow for one, folders in it included ...
pub const ARCHIVE_NAME: usize = 512;
/// ... and of all names of an archive and of those inside it: 160 for each of [`ARCHIVE_MEMBERS`]. Beyond, numbers stand for names.
pub const ARCHIVE_NAMES: usize = 16 << 20;
/// Window of a compressed file believed, in bytes: xz at its highest level uses 64 MiB.
pub const UNPACK_WINDOW: usize = 96 << 20;
/// One call in another tool's file (archive entry, flow, item): a stored body in Base64 and as much again around it.
pub const ENTRY_BYTES: usize = 64 << 20;
/// Longest log line kept; the rest of a longer line is skipped and counted.
pub const LOG_LINE: usize = 1 << 20;
/// Bytes of a log format that is given, a mapping or a server's configuration: the largest of those are some 100 KiB.
pub const MAPPING_BYTES: usize = 1 << 20;
/// Nested link, tunnel and network headers followed in one packet: two tags, two labels and two tunnels with a tagged
/// frame each are in use, twice that is not.
pub const ENCAP_DEPTH: usize = 16;
/// Packets remembered by their prints, to tell copies of them: about what passes between two taps of a fast line, and
/// small enough for the cache of a core.
pub const COPY_SLOTS: usize = 8192;
/// A packet with an identification of its own that was captured at two taps is a copy within this many nanoseconds: the
/// clocks of two hosts rarely differ by more where they are kept right.
pub const COPY_TAPS_NS: i64 = 2_000_000_000;
/// ... at one tap within this many: what a mirror or a radio relay adds, less than it takes to send again.
pub const COPY_NEAR_NS: i64 = 20_000_000;
/// ... and without an identification within this many.
pub const COPY_WEAK_NS: i64 = 2_000_000;
/// Packets of one direction that are remembered by the place of their bytes once a connection was seen at two taps.
pub const COPY_TRAIL: usize = 256;
/// Copies that wait to be taken by the caller; beyond, they are only counted.
pub const COPIES_HELD: usize = 65_536;
/// Copies of packets held until the calls that they hold are done: 48 bytes each.
pub const TAP_COPIES: usize = 400_000;
/// ... of one flow in one source.
pub const TAP_COPIES_FLOW: usize = 4096;
/// Calls that wait for their copies at most.
pub const TAP_CALLS: usize = 100_000;
/// Captures of the same time read side by side: below the number of files that a process may have open.
pub const MERGED: usize = 200;
/// Captures open at once up to which each gets a window of [`READ_BLOCK`] ...
pub const MERGED_LARGE: usize = 8;
/// ... and the window of those beyond.
pub const MERGED_BLOCK: usize = 256 << 10;
/// A packet this many nanoseconds after the one before it in its file may have a wrong time.
pub const LEAP_NS: i64 = 60_000_000_000;
/// A datagram that became whole is remembered for this many nanoseconds: its fragments may come again from another tap;
/// identifications are not used again so soon.
pub const FRAG_DONE_NS: i64 = 50_000_000;
/// IP fragments held for one datagram: 64 KiB in the smallest useful fragments.
pub const FRAGS_PER_DATAGRAM: usize = 1024;
/// Bytes of unfinished IP datagrams held in all.
pub const FRAG_BYTES: usize = 16 << 20;
/// An unfinished datagram is dropped after this many nanoseconds of packet time (RFC 8200 section 4.5: 60 s).
pub const FRAG_AGE_NS: i64 = 60_000_000_000;
/// Out-of-order bytes held for one direction of one connection: two full windows of a fast path.
pub const STREAM_HELD: usize = 8 << 20;
/// Out-of-order pieces held for one direction: beyond this the missing piece is declared lost.
pub const STREAM_PIECES: usize = 1024;
/// Out-of-order bytes held over all connections.
pub const STREAMS_HELD_ALL: usize = 64 << 20;
/// Segments that wait where the SYN of their stream was not captured, until it is known which comes first: disorder in a
/// network spans a few ...
pub const EARLY_PIECES: usize = 16;
/// ... and the nanoseconds of packet time that they wait at most, too few to be seen on a screen.
pub const EARLY_NS: i64 = 100_000_000;
/// Streams that wait so, where the time of packets stands still.
pub const EARLY_STREAMS: usize = 65_536;
/// A hole in a stream that the receiver has acknowledged is filled late only where the capture is out of order: it is
/// declared lost after this many packets of the connection ...
pub const REORDER_PACKETS: u64 = 64;
/// ... or this many nanoseconds of packet time.
pub const REORDER_NS: i64 = 1_000_000_000;
/// Out-of-order pieces held where no acknowledgement of the other side is captured ...
pub const UNHEARD_PIECES: usize = 64;
/// ... their bytes, about the window of an ordinary connection ...
pub const UNHEARD_BYTES: usize = 1 << 20;
/// ... and nanoseconds without a packet of the other side that make it so.
pub const UNHEARD_NS: i64 = 5_000_000_000;
/// Nanoseconds that a piece waits for the one before it at most: retransmission gives up in this order (RFC 6298, RFC 9293 section 3.8.3).
pub const HELD_NS: i64 = 100_000_000_000;
/// Distance in sequence numbers beyond which a segment cannot be of the same connection: the largest window by far in use.
pub const STREAM_JUMP: u32 = 64 << 20;
/// Nanoseconds a closed connection is kept for its last acknowledgements and late resets (RFC 9293: 2 MSL, 60 s in practice).
pub const FLOW_LINGER_NS: i64 = 60_000_000_000;
/// A datagram flow with no packet for this many nanoseconds is over.
pub const DATAGRAM_IDLE_NS: i64 = 600_000_000_000;
/// Flows ended for their age at one packet: more would make one packet slow, fewer could fall behind.
pub const EXPIRE_BATCH: usize = 4;
/// Connections tracked at once: the oldest idle one is closed first. 1 M half-open flows must stay under 512 MiB.
pub const FLOWS: usize = 250_000;
/// A connection with no packet for this many nanoseconds of packet time is over.
pub const FLOW_IDLE_NS: i64 = 3_600_000_000_000;
/// Bytes of a flow looked at before it is called unknown.
pub const PROBE_BYTES: usize = 4096;
/// Request or status line and header block together: servers stop at 8-64 KiB, a few proxies allow 1 MiB.
pub const HEAD_BYTES: usize = 1 << 20;
/// Header lines in one block.
pub const HEADERS: usize = 2000;
/// Requests waiting for their responses on one connection.
pub const PIPELINE: usize = 4096;
/// Requests that wait on one connection in ordinary use; of longer queues the oldest are given out ...
pub const PIPELINE_FEW: usize = 64;
/// ... where all flows together hold this much: a host of 4 GB must have room for the rest of a load.
pub const WAITING_BYTES: usize = 96 << 20;
/// Bytes of one body kept in memory and stored; length and hash go on to its end.
pub const BODY_STORED: usize = 64 << 20;
/// Packets of one body remembered by their first byte, to tell when each message in it came: as many as messages are listed.
pub const BODY_PLACES: usize = 10_000;
/// Bytes of unfinished messages held over all flows: four bodies of the stored size; beyond, bodies are only counted and hashed.
pub const OPEN_BYTES: usize = 256 << 20;
/// Bytes one flow may hold in finished messages whose other half has not come before the oldest is given out alone.
pub const UNPAIRED_BYTES: usize = 8 << 20;
/// Responses that wait for a request captured after them: reordering between directions spans a few packets.
pub const ORPHANS: usize = 16;
/// Client bytes kept while it is not known whether a tunnel opens: a first flight, not a conversation.
pub const TUNNEL_HELD: usize = 64 << 10;
/// Protocols within protocols on one flow: CONNECT through a chain of proxies, an upgrade inside.
pub const TUNNEL_DEPTH: usize = 4;
/// Chunk-size line with its extensions: servers refuse them from 4 to 16 KiB on.
pub const CHUNK_LINE: usize = 16 << 10;
/// Entries of one HPACK table kept: browsers allow 64 KiB, proxies up to twice that; an older entry becomes unknown.
pub const HPACK_TABLE: usize = 128 << 10;
/// A header block may say this many times what it holds ...
pub const HPACK_RATIO: usize = 32;
/// ... and this much besides: sixty references to large cookies are real, more are made to fill memory.
pub const HPACK_FLOOR: usize = 64 << 10;
/// Largest HTTP/2 frame believed where none so large was allowed; servers and clients that raise the limit say so.
pub const H2_FRAME: u32 = 1 << 20;
/// Bytes of one direction held while it is not known where HTTP/2 frames start: three frames of the usual size.
pub const H2_RESYNC: usize = 48 << 10;
/// Streams of one HTTP/2 connection open at once: servers allow 100 to 1,000, tools that allow more use some thousands.
pub const H2_STREAMS: usize = 16_384;
/// Bytes of heads of one HTTP/2 connection's open streams: 4 KiB for each of as many as may be open. A request of 16 KiB may
/// say half a MiB, and one without an answer is held.
pub const H2_HEADS: usize = 64 << 20;
/// Streams remembered after their end, for frames that were on their way.
pub const H2_ENDED: usize = 256;
/// Interim responses kept for one stream.
pub const INTERIM: usize = 64;
/// First bytes of each direction kept to name what a flow carries.
pub const FLOW_HEAD: usize = 64;
/// Bytes of a TLS hello collected: post-quantum key shares make 2 KiB, four records are ample.
pub const TLS_HELLO: usize = 64 << 10;
/// Packets with long headers of one QUIC flow looked at: a hello of [`TLS_HELLO`] bytes takes half as many, sent twice.
pub const QUIC_PACKETS: u32 = 128;
/// Bytes of Initial packets of one flow that wait for the client's first one, which gives the keys: a server's first flight.
pub const QUIC_EARLY: usize = 16 << 10;
/// Pieces of one direction of a QUIC handshake held: browsers cut a hello into some twenty, shuffled.
pub const QUIC_PIECES: usize = 256;
/// Content codings undone in a row.
pub const CODINGS: usize = 3;
/// Largest zstd window believed, as a power of two: RFC 9659 allows 2^23 on the web, tools write up to 2^27.
pub const ZSTD_WINDOW_LOG: u32 = 27;
/// Decoded bytes of one body in all ...
pub const DECODED: u64 = 4 << 30;
/// ... and against its coded bytes: plain repetitive JSON deflates 290:1, so above this ratio it is a bomb ...
pub const BOMB_RATIO: u64 = 300;
/// ... once it is larger than this.
pub const BOMB_FLOOR: u64 = 64 << 20;
/// Calls that a load holds for who decides facts while it goes on: some 400 bytes each beside all that a load needs. Of larger ones the
/// table is read back ...
pub const CALLS_GATHERED: usize = 250_000;
/// ... and of those whose unfinished messages take more than this many bytes, which is then what the memory is for.
pub const OPEN_BESIDE_GATHERED: usize = 64 << 20;
/// Bytes of jobs between reading and scanning; a full queue makes the reader wait. Twice as many load no faster, and memory that was
/// never used before costs more than it holds.
pub const QUEUE_BYTES: usize = 24 << 20;
/// Bodies and heads are compressed together in packs of about this size: large enough to share repetition, small enough that showing one call costs a millisecond.
pub const PACK_BYTES: usize = 1 << 20;
/// Bodies whose hash is remembered for storing equal content once; beyond, an equal body may be stored twice.
pub const BODY_DEDUP: usize = 2_000_000;
/// (print, place) pairs of findings held before they are sorted into a segment: 32 MiB, and as much again while the ones before are
/// sorted. Every segment is a place more to look a print up in.
pub const POSTINGS_HELD: usize = 2_000_000;
/// Strings whose row is remembered while loading; beyond, they are looked up in the case.
pub const TERMS_HELD: usize = 500_000;
/// Depth of nested objects, elements or parts walked in a body.
pub const NEST_DEPTH: usize = 64;
/// Layers of encoding (base64, percent, hex, ...) undone around one value.
pub const DECODE_DEPTH: usize = 3;
/// Findings kept for one body; the rest is counted.
pub const FINDINGS_PER_BODY: usize = 1_000_000;
/// Data classes a rule set can hold: they are bits of one 64-bit column.
pub const CLASSES: usize = 63;
/// Nesting of a filter expression.
pub const FILTER_DEPTH: usize = 50;
/// Distinct paths templates are learnt from; beyond, paths are folded by the shape of their segments alone.
pub const TEMPLATE_PATHS: usize = 2_000_000;
/// Routes that specifications and the investigator give in all: the largest public specifications have 10,000.
pub const GIVEN_ROUTES: usize = 200_000;
/// Values of a parameter that the investigator can set apart at once: each is an API from then on.
pub const SPLIT_VALUES: usize = 2_000;
/// Bytes of one API specification: the largest public ones have 20 MB.
pub const SPEC_BYTES: usize = 64 << 20;
/// What a specification may take in memory as a tree, aliases of YAML followed: a few lines of them can stand for gigabytes.
pub const SPEC_TREE: usize = 512 << 20;
/// Operations of one specification.
pub const SPEC_OPERATIONS: usize = 50_000;
/// Answers read for what they say of routes: 20,000 of 3 KB take half a second.
pub const ROUTE_ANSWERS: usize = 20_000;
/// Answers of paths that look alike (`/users/{}`): what the third says the first two said.
pub const ROUTE_LIKE: usize = 3;
/// Bytes read of one answer; a list's first hundred entries are as good as all.
pub const ROUTE_ANSWER_BYTES: usize = 64 << 10;
/// Code points drawn in one terminal cell: 3,000 combining marks on one letter put 6 KB into a cell.
pub const CELL_CODEPOINTS: usize = 8;
/// Bytes sent to the clipboard by OSC 52; terminals drop longer ones.
pub const CLIPBOARD: usize = 72 << 10;
/// Rows of a clue file.
pub const CLUE_ROWS: usize = 1_000_000;
/// Trails in one answer: more are a list nobody reads; the rest is counted.
pub const TRACE_TRAILS: usize = 200;
/// Hops in one trail: a value that goes by more often is not a subject's (a hotline, a default).
pub const TRACE_HOPS: usize = 2000;
/// Rows of a clue that are shown beside what one account read of them: a list longer than this is for the command line and its filters.
pub const TRACE_READ_ROWS: usize = 20_000;
/// Reads listed for one of these rows; the others are counted.
pub const TRACE_READS: usize = 8;
/// Bytes of a body that are compared with another's, field by field; a page of a list is smaller.
pub const COMPARE_BYTES: usize = 256 << 10;
/// Values of a body that are compared: some thousand rows.
pub const COMPARE_VALUES: usize = 5_000;
/// Nesting that is compared.
pub const COMPARE_DEPTH: usize = 32;
/// Characters of a value that changed.
pub const COMPARE_SHOWN: usize = 120;
/// Steps of a replay whose bodies are compared for the command line, about a millisecond each.
pub const REPLAY_COMPARED: usize = 20_000;
/// Bodies that are read for the properties of records (a region) that a leak may have been picked by, and bytes of them: a tenth of a
/// second or two.
pub const LABEL_BODIES: usize = 8192;
/// See [`LABEL_BODIES`].
pub const LABEL_BYTES: u64 = 48 << 20;
/// Call ids listed for one suspect.
pub const TRACE_CALLS: usize = 1000;
/// Call ids listed for a suspect that is not among the first [`TRACE_DETAILED`].
pub const TRACE_CALLS_FEW: usize = 50;
/// Suspects whose calls are listed in full.
pub const TRACE_DETAILED: usize = 20;
/// Suspects in one answer.
pub const TRACE_SUSPECTS: usize = 100;
/// Bytes of stored text in which a trace undoes codings inside codings, archives and masks, some 50 MB a second and core; of more, the
/// direct forms alone are looked for.
pub const TRACE_DEEP: u64 = 128 << 20;
/// Values searched as text at once: an automaton over all their forms stays under about 100 MB.
pub const TRACE_TEXT_VALUES: usize = 5000;
/// Values up to which all stored text is looked through for each, also where a data class found them: a question of one record.
pub const TRACE_TEXT_ALWAYS: usize = 64;
/// Sightings held for one question: 64 bytes each.
pub const TRACE_SIGHTINGS: usize = 4_000_000;
/// Columns of a clue that are told apart; cells beyond are not looked at and counted.
pub const CLUE_COLUMNS: usize = 64;
/// Bytes of a clue without columns that are searched for values: a post or a mail, not a dump.
pub const CLUE_PROSE: usize = 16 << 20;
/// Bytes of a clue file.
pub const CLUE_BYTES: usize = 1 << 30;
/// Bytes taken out of one compressed value inside a body: a compressed export in a JSON field, not a bomb.
pub const NESTED_DECODED: usize = 4 << 20;
/// Longest document in an encoding that is gone over once more to show one masked value of it; those of a longer one are not had.
pub const MASKED_DOCUMENT: usize = 64 << 10;
/// Bytes unpacked out of one workbook: an export of a million rows; a bomb ends there.
pub const SHEET_DECODED: usize = 128 << 20;
/// Sheets of one workbook that are read.
pub const SHEETS: usize = 100;
/// Members of one workbook that are looked at: its sheets, their drawings and relations.
pub const SHEET_MEMBERS: usize = 10_000;
/// Distinct keys of one body that are told apart; in a body with more, further keys stand as `*` (keys that are data would fill memory).
pub const FIELDS_PER_BODY: usize = 20_000;
/// Bytes of a heading of a table: a question of a form fits, a paragraph is no name.
pub const HEADING: usize = 256;
/// Records of one account that are followed: beyond, the list is only longer.
pub const TRACE_ACCOUNT_RECORDS: usize = 2000;
/// Calls of one subject that are read: beyond, a few seconds become minutes.
pub const TRACE_SUBJECT_CALLS: usize = 300_000;
/// Call ids kept with one movement of a merged graph: enough to open examples; the trails list all.
pub const GRAPH_CALLS: usize = 20;
/// Addresses and movements drawn in one picture: what a page or a screen can still show.
pub const GRAPH_DRAWN: usize = 200;
/// Rows of one table of a report: what a reader still goes through; the row verbs give all.
pub const REPORT_ROWS: usize = 200;
/// Things of one kind told in words: suspects in detail, risks of a cause, opaque protocols.
pub const REPORT_FEW: usize = 12;
/// Records whose way is written hop by hop.
pub const REPORT_RECORDS: usize = 25;
/// Calls in the list of places of a report: a file that a browser still opens at once.
pub const REPORT_CALLS: usize = 3000;
/// Calls that cause one another in a row and are followed from an inner one outwards; a chain of services is shorter.
pub const CHAIN: u8 = 16;
/// Messages of one WebSocket shown beside the call that opened it: the rest is in the list of calls.
pub const SHOWN_MESSAGES: usize = 500;
/// Longest line of a TLS key log: a premaster secret of 1 KiB in hexadecimal, with its name.
pub const KEYLOG_LINE: usize = 4096;
/// Secrets of key logs held: about 150 bytes each.
pub const SECRETS: usize = 1_000_000;
/// Bytes of key logs taken out of one capture file: [`SECRETS`] lines are about this long.
pub const SECRETS_BYTES: usize = 256 << 20;
/// Bits of an RSA key: the largest that is in use.
pub const RSA_BITS: usize = 16_384;
/// Characters of a name in a certificate.
pub const CERT_NAME: usize = 512;
/// Master secrets remembered for connections that resume: about 150 bytes each.
pub const TLS_SESSIONS: usize = 100_000;
/// Sequence numbers tried for the first record after a loss: a full window of small records.
pub const TLS_TRIES: u64 = 64;
/// Records in a row that do not open before a direction is given up: its keys are not these.
pub const TLS_MISSES: u32 = 64;
/// Connections of a key log that one is held against of which the server alone was captured: a few milliseconds of tags.
pub const TLS_GUESSES: usize = 512;
/// Records in a row that none of these opens before it is none of them.
pub const TLS_GUESS_MISSES: u32 = 4;
/// Bytes of records of one direction that wait for what their keys follow from: a first flight of early data, or the
/// handshake of the other direction captured late.
pub const TLS_WAITING: usize = 128 << 10;
/// Records of one direction whose places are remembered, to tell which of its content was acknowledged.
pub const TLS_PLACES: usize = 256;
/// Bytes of handshake messages kept for an extended master secret: two long certificate chains.
pub const TLS_TRANSCRIPT: usize = 256 << 10;
/// Bytes of a request body looked at for its operation: documents of GraphQL clients reach some 20 KiB, and the name may stand behind.
pub const OPERATION_BYTES: usize = 64 << 10;
/// Bytes of protobuf schemas given by the investigator, imports included: large companies' are some 10 MiB.
pub const SCHEMA_BYTES: usize = 64 << 20;
/// Bytes of a grading profile: all classes with comments are some 10 KiB.
pub const PROFILE_BYTES: u64 = 1 << 20;
/// Responses of one API whose masked values are compared with what else is known: a sample that shows how an API masks ...
pub const MASK_API: usize = 4_000;
/// ... responses in all, some seconds of reading at most ...
pub const MASK_BODIES: usize = 40_000;
/// ... and bytes of one: below it lie the pages that people see.
pub const MASK_BODY: u32 = 4 << 20;
