import java.io.BufferedReader;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.HttpURLConnection;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import javax.net.ssl.HttpsURLConnection;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/**
 * An HTTP client: Java's HttpURLConnection, which supports Negotiate.
 *
 * Reads requests from standard input, one on each line: METHOD URL SIZE, where SIZE is the
 * number of bytes of the body. The optional argument is the file of a certificate to trust.
 * For each response it writes a line "code N", a line "token " with the header
 * WWW-Authenticate, and the page.
 */
public class Fetch {
    public static void main(String[] args) throws Exception {
        if (args.length > 0) {
            trust(args[0]);
        }
        BufferedReader requests = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = requests.readLine()) != null; ) {
            String[] r = line.split(" ");
            fetch(r[0], new URL(r[1]), Integer.parseInt(r[2]));
        }
    }

    static void fetch(String method, URL url, int size) throws IOException {
        HttpURLConnection c = (HttpURLConnection) url.openConnection();
        c.setRequestMethod(method);
        c.setReadTimeout(25_000);
        try {
            if (size > 0) {
                c.setDoOutput(true);
                c.getOutputStream().write(new byte[size]);
            }
            System.out.println("code " + c.getResponseCode());
            System.out.println("token " + c.getHeaderField("WWW-Authenticate"));
            try (InputStream page = c.getInputStream()) {
                System.out.println(new String(page.readAllBytes(), StandardCharsets.UTF_8));
            }
        } catch (IOException e) {
            System.out.println("failed: " + e);
        }
    }

    static void trust(String certificate) throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        try (InputStream in = new FileInputStream(certificate)) {
            store.setCertificateEntry("localhost", CertificateFactory.getInstance("X.509").generateCertificate(in));
        }
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(store);
        SSLContext tls = SSLContext.getInstance("TLS");
        tls.init(null, trust.getTrustManagers(), null);
        HttpsURLConnection.setDefaultSSLSocketFactory(tls.getSocketFactory());
    }
}
