/*
 * An initiator of user-to-user authentication with MIT's libkrb5, for the protocol of
 * wire.py. MIT's GSS library does not have this mechanism, so this program encodes the GSS
 * frames and SPNEGO itself.
 *
 *	usertouser PORT PRINCIPAL [spnego] [plain] [anyone] [again]
 *
 * With spnego the program sends its tokens in SPNEGO. With plain it sends an ordinary
 * AP-REQ first. With anyone its KERB-TGT-REQUEST names no service. With again it makes a
 * second login on a new connection, with the ticket of the first login and without a
 * KERB-TGT-REQUEST.
 *
 * It prints a line for each step. It exits with 0 if it established each context and the
 * echo of its signed message was correct, and with 1 if the acceptor refused.
 */

#include <arpa/inet.h>
#include <krb5.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIMIT (1 << 21)

enum { TOK_AP_REQ = 0x0100, TOK_AP_REP = 0x0200, TOK_ERROR = 0x0300, TOK_TGT_REQ = 0x0400, TOK_TGT_REP = 0x0401 };

/* The msg-type of a KERB-TGT-REQUEST and of a KERB-TGT-REPLY. */
enum { MSG_TGT_REQ = 16, MSG_TGT_REP = 17 };

#define USAGE_ACCEPTOR_SIGN 23
#define USAGE_INITIATOR_SIGN 25
#define GSS_CHECKSUM 0x8003
#define GSS_FLAGS 0x3e /* mutual, replay, sequence, conf, integ */

#define DATA(s) ((krb5_data){.data = (s), .length = sizeof(s) - 1})

static krb5_data oid_krb5 = DATA("\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02");
static krb5_data oid_user2user = DATA("\x06\x0a\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x03");
static krb5_data oid_spnego = DATA("\x06\x06\x2b\x06\x01\x05\x05\x02");

static krb5_context ctx;
static krb5_ccache cache;
static int sock, spnego, begun;

static void die(const char *what)
{
	printf("failed: %s\n", what);
	exit(2);
}

static void check(const char *what, krb5_error_code code)
{
	if (code != 0) {
		printf("%s: %s\n", what, krb5_get_error_message(ctx, code));
		exit(2);
	}
}

/*
 * Parts of messages. This program runs for a short time, so it frees no memory.
 */

static krb5_data bytes(const void *p, size_t n)
{
	krb5_data d = {.data = malloc(n + 1), .length = n};

	if (d.data == NULL)
		die("malloc");
	if (p != NULL)
		memcpy(d.data, p, n);
	d.data[n] = 0;
	return d;
}

static krb5_data join(krb5_data a, krb5_data b)
{
	krb5_data d = bytes(NULL, a.length + b.length);

	if (a.length > 0)
		memcpy(d.data, a.data, a.length);
	if (b.length > 0)
		memcpy(d.data + a.length, b.data, b.length);
	return d;
}

/* der returns an element of DER. Its length has one, two or three bytes. */
static krb5_data der(int tag, krb5_data inside)
{
	unsigned n = inside.length;
	unsigned char one[] = {tag, n}, two[] = {tag, 0x81, n}, three[] = {tag, 0x82, n >> 8, n};

	if (n > 0xffff)
		die("a long element");
	if (n < 0x80)
		return join(bytes(one, sizeof one), inside);
	if (n < 0x100)
		return join(bytes(two, sizeof two), inside);
	return join(bytes(three, sizeof three), inside);
}

static krb5_data integer(int n)
{
	unsigned char c = n;

	return der(0x02, bytes(&c, 1));
}

/* take removes the first element from d. It returns 0 if the element has another tag. */
static int take(krb5_data *d, int tag, krb5_data *inside)
{
	unsigned char *p = (unsigned char *)d->data;
	size_t head = 2, n, i;

	if (d->length < 2 || p[0] != tag)
		return 0;
	n = p[1];
	if (n >= 0x80) {
		head += n & 0x7f;
		if (head > 4 || head > d->length)
			die("a long length");
		for (n = 0, i = 2; i < head; i++)
			n = n << 8 | p[i];
	}
	if (n > d->length - head)
		die("an element is truncated");
	*inside = bytes(p + head, n);
	d->data += head + n;
	d->length -= head + n;
	return 1;
}

/* inner removes the first element from d, which must have the tag. */
static krb5_data inner(krb5_data *d, int tag)
{
	krb5_data inside;

	if (!take(d, tag, &inside))
		die("an element is missing");
	return inside;
}

static krb5_data frame(krb5_data mech, int tok, krb5_data message)
{
	unsigned char id[] = {tok >> 8, tok};

	return der(0x60, join(join(mech, bytes(id, 2)), message));
}

/* unframe returns the message in a GSS frame of the mechanism. */
static krb5_data unframe(krb5_data token, krb5_data mech, int *tok)
{
	krb5_data in = inner(&token, 0x60);

	if (token.length > 0 || in.length < mech.length + 2 || memcmp(in.data, mech.data, mech.length) != 0)
		die("a frame of another mechanism");
	in.data += mech.length;
	in.length -= mech.length;
	*tok = (unsigned char)in.data[0] << 8 | (unsigned char)in.data[1];
	return bytes(in.data + 2, in.length - 2);
}

/*
 * SPNEGO (RFC 4178). The mechanism of the token is the first of the list, so the tokens
 * have no mechListMIC.
 */

static krb5_data enclose(krb5_data token, krb5_data mech, krb5_data other)
{
	krb5_data list, in = der(0xa2, der(0x04, token));

	if (begun++)
		return der(0xa1, der(0x30, in));
	list = der(0xa0, der(0x30, join(mech, other)));
	return der(0x60, join(oid_spnego, der(0xa0, der(0x30, join(list, in)))));
}

static krb5_data disclose(krb5_data token)
{
	krb5_data response = inner(&token, 0xa1), fields = inner(&response, 0x30), state, mech, in = {0};

	state = inner(&fields, 0xa0);
	state = inner(&state, 0x0a);
	printf("spnego: state %d", state.data[0]);
	if (take(&fields, 0xa1, &mech))
		printf(", a mechanism of %u bytes", mech.length);
	printf("\n");
	if (take(&fields, 0xa2, &in))
		in = inner(&in, 0x04);
	if (fields.length > 0)
		die("an unexpected field in the NegTokenResp");
	return in;
}

/*
 * The wire.
 */

static void dial(int port)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(port)};
	int yes = 1;

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sock = socket(AF_INET, SOCK_STREAM, 0);
	if (sock < 0 || connect(sock, (struct sockaddr *)&addr, sizeof addr) != 0)
		die("connect");
	setsockopt(sock, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
	begun = 0;
}

static void send_all(const void *p, size_t n)
{
	ssize_t done;

	for (; n > 0; p = (const char *)p + done, n -= done)
		if ((done = write(sock, p, n)) <= 0)
			die("write");
}

static void read_all(void *p, size_t n)
{
	ssize_t done;

	for (; n > 0; p = (char *)p + done, n -= done)
		if ((done = read(sock, p, n)) <= 0)
			die("read");
}

static krb5_data number(size_t n)
{
	unsigned char b[] = {n >> 24, n >> 16, n >> 8, n};

	return bytes(b, sizeof b);
}

static void send_op(char op, krb5_data d)
{
	send_all(&op, 1);
	send_all(number(d.length).data, 4);
	send_all(d.data, d.length);
}

static char receive_op(krb5_data *d)
{
	static unsigned char in[LIMIT];
	unsigned char head[5];
	size_t n;

	read_all(head, sizeof head);
	n = (size_t)head[1] << 24 | head[2] << 16 | head[3] << 8 | head[4];
	if (n > sizeof in)
		die("a frame that is too long");
	read_all(in, n);
	*d = bytes(in, n);
	return head[0];
}

/*
 * exchange sends a token and returns the message in the answer. It prints a KRB-ERROR. If
 * the acceptor ends the exchange, the program exits with 1.
 */
static krb5_data exchange(krb5_data token, krb5_data mech, krb5_data other, int *tok)
{
	krb5_data answer = {0}, said;
	krb5_error *error;
	char verdict;

	send_op('T', spnego ? enclose(token, mech, other) : token);
	verdict = receive_op(&said);
	if (verdict == 'T') {
		answer = said;
		verdict = receive_op(&said);
		if (spnego)
			answer = disclose(answer);
	}
	printf("acceptor: %c %s\n", verdict, said.data);
	*tok = 0;
	if (answer.length > 0)
		answer = unframe(answer, mech, tok);
	if (*tok == TOK_ERROR) {
		check("krb5_rd_error", krb5_rd_error(ctx, &answer, &error));
		printf("error: %d, %u bytes of e-data\n", (int)error->error, error->e_data.length);
	}
	if (verdict == 'R')
		exit(1);
	return answer;
}

/*
 * The messages (draft-swift-win2k-krb-user2user-03, Section 3).
 */

/* ask sends a KERB-TGT-REQUEST and returns the acceptor's ticket-granting ticket. */
static krb5_data ask(krb5_principal service, int anyone)
{
	krb5_data strings = {0}, request, answer, name;
	int tok, i;

	request = join(der(0xa0, integer(5)), der(0xa1, integer(MSG_TGT_REQ)));
	if (!anyone) {
		for (i = 0; i < service->length; i++)
			strings = join(strings, der(0x1b, service->data[i]));
		name = join(der(0xa0, integer(KRB5_NT_PRINCIPAL)), der(0xa1, der(0x30, strings)));
		request = join(request, der(0xa2, der(0x30, name)));
		request = join(request, der(0xa3, der(0x1b, service->realm)));
	}
	answer = exchange(frame(oid_user2user, TOK_TGT_REQ, der(0x30, request)), oid_user2user, oid_krb5, &tok);
	if (tok != TOK_TGT_REP)
		die("no KERB-TGT-REPLY");
	answer = inner(&answer, 0x30);
	request = inner(&answer, 0xa0);
	if (inner(&request, 0x02).data[0] != 5)
		die("the KERB-TGT-REPLY has another pvno");
	request = inner(&answer, 0xa1);
	if (inner(&request, 0x02).data[0] != MSG_TGT_REP)
		die("the KERB-TGT-REPLY has another msg-type");
	return inner(&answer, 0xa2);
}

/*
 * ticket returns a ticket for the service from the KDC. If theirs, the acceptor's
 * ticket-granting ticket, is not NULL, the KDC encrypts the ticket in its session key.
 */
static krb5_creds *ticket(krb5_principal service, krb5_data *theirs)
{
	krb5_creds want = {0}, *got;

	check("krb5_cc_get_principal", krb5_cc_get_principal(ctx, cache, &want.client));
	want.server = service;
	if (theirs != NULL)
		want.second_ticket = *theirs;
	check("krb5_get_credentials", krb5_get_credentials(ctx, theirs != NULL ? KRB5_GC_USER_USER : 0, cache, &want, &got));
	return got;
}

static krb5_data ap_req(krb5_auth_context *auth, krb5_creds *creds, krb5_flags options)
{
	unsigned char body[24] = {16, [20] = GSS_FLAGS};
	krb5_data checksum = bytes(body, sizeof body), req;

	check("krb5_auth_con_init", krb5_auth_con_init(ctx, auth));
	check("krb5_auth_con_setflags", krb5_auth_con_setflags(ctx, *auth, KRB5_AUTH_CONTEXT_DO_SEQUENCE));
	check("krb5_auth_con_set_req_cksumtype", krb5_auth_con_set_req_cksumtype(ctx, *auth, GSS_CHECKSUM));
	options |= AP_OPTS_MUTUAL_REQUIRED | AP_OPTS_USE_SUBKEY;
	check("krb5_mk_req_extended", krb5_mk_req_extended(ctx, auth, options, &checksum, creds, &req));
	return req;
}

/* mic returns a MIC token (RFC 4121, Section 4.2.6.1) under the acceptor's subkey. */
static krb5_data mic(krb5_data message, krb5_keyblock *key, int acceptor, unsigned seq)
{
	unsigned char head[16] = {4, 4, acceptor ? 5 : 4, 0xff, 0xff, 0xff, 0xff, 0xff};
	krb5_data header;
	krb5_checksum sum;

	memcpy(head + 12, number(seq).data, 4);
	header = bytes(head, sizeof head);
	message = join(message, header);
	check("krb5_c_make_checksum", krb5_c_make_checksum(ctx, 0, key,
	    acceptor ? USAGE_ACCEPTOR_SIGN : USAGE_INITIATOR_SIGN, &message, &sum));
	return join(header, bytes(sum.contents, sum.length));
}

/* talk sends a message with its MIC and compares the echo and its MIC. */
static void talk(krb5_keyblock *key, krb5_int32 ours, krb5_int32 theirs)
{
	krb5_data message = DATA("what both sides can sign"), mine, back, want;

	mine = mic(message, key, 0, ours);
	want = mic(message, key, 1, theirs);
	send_op('M', join(join(number(mine.length), mine), join(number(message.length), message)));
	if (receive_op(&back) != 'M')
		die(back.data);
	want = join(join(number(want.length), want), join(number(message.length), message));
	if (back.length != want.length || memcmp(back.data, want.data, want.length) != 0)
		die("the echo or its MIC is wrong");
	printf("echo: mic %u\n", message.length);
}

/* login establishes the context and sends a message. */
static void login(krb5_creds *creds)
{
	krb5_ap_rep_enc_part *part;
	krb5_auth_context auth = NULL;
	krb5_int32 seq;
	krb5_data req, rep;
	char *client, *server;
	int tok;

	req = ap_req(&auth, creds, AP_OPTS_USE_SESSION_KEY);
	rep = exchange(frame(oid_user2user, TOK_AP_REQ, req), oid_user2user, oid_krb5, &tok);
	if (tok != TOK_AP_REP)
		die("no AP-REP");
	check("krb5_rd_rep", krb5_rd_rep(ctx, auth, &rep, &part));
	check("krb5_auth_con_getlocalseqnumber", krb5_auth_con_getlocalseqnumber(ctx, auth, &seq));
	if (part->subkey == NULL)
		die("the AP-REP has no subkey");
	check("krb5_unparse_name", krb5_unparse_name(ctx, creds->client, &client));
	check("krb5_unparse_name", krb5_unparse_name(ctx, creds->server, &server));
	printf("established: %s at %s, session key %d, subkey %d\n", client, server, creds->keyblock.enctype, part->subkey->enctype);
	talk(part->subkey, seq, part->seq_number);
}

static int option(char **argv, const char *name)
{
	for (argv += 3; *argv != NULL; argv++)
		if (strcmp(*argv, name) == 0)
			return 1;
	return 0;
}

int main(int argc, char **argv)
{
	krb5_auth_context auth = NULL;
	krb5_principal service;
	krb5_creds *creds;
	krb5_data req, theirs;
	int tok;

	if (argc < 3)
		die("arguments");
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	check("krb5_init_context", krb5_init_context(&ctx));
	check("krb5_cc_default", krb5_cc_default(ctx, &cache));
	check("krb5_parse_name", krb5_parse_name(ctx, argv[2], &service));
	spnego = option(argv, "spnego");
	dial(atoi(argv[1]));
	if (option(argv, "plain")) {
		req = ap_req(&auth, ticket(service, NULL), 0);
		exchange(frame(oid_krb5, TOK_AP_REQ, req), oid_krb5, oid_user2user, &tok);
		if (tok != TOK_ERROR)
			die("the acceptor accepted the plain AP-REQ");
	}
	theirs = ask(service, option(argv, "anyone"));
	creds = ticket(service, &theirs);
	login(creds);
	if (option(argv, "again")) {
		close(sock);
		dial(atoi(argv[1]));
		login(creds);
	}
	return 0;
}
