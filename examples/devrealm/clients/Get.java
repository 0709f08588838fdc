import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.URL;

/** Writes a page that a server shows to a user of Kerberos. */
public class Get {
    public static void main(String[] args) throws Exception {
        HttpURLConnection c = (HttpURLConnection) new URL(args[0]).openConnection();
        int code = c.getResponseCode();
        try (InputStream page = code < 400 ? c.getInputStream() : c.getErrorStream()) {
            System.out.write(page.readAllBytes());
        }
        System.out.flush();
        System.exit(code < 400 ? 0 : 1);
    }
}
