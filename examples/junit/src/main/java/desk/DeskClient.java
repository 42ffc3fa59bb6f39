package desk;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.List;
import java.util.UUID;

/**
 * The client under test. Replace it with yours, which needs a base URL and an API key.
 *
 * <p>A method throws an {@link ApiException} if the help desk rejects the request, and an {@link IOException} if the
 * outcome is unknown: after a timeout, a broken connection, an invalid response or a 5xx.
 */
public class DeskClient {
    private static final HttpClient HTTP = HttpClient.newHttpClient();
    private static final ObjectMapper JSON = new ObjectMapper();

    private final String ticketsUrl;
    private final String apiKey;
    private final Duration timeout;

    public DeskClient(String baseUrl, String apiKey, Duration timeout) {
        this.ticketsUrl = baseUrl + "/api/v2/ticket";
        this.apiKey = apiKey;
        this.timeout = timeout;
    }

    public DeskClient(String baseUrl, String apiKey) {
        this(baseUrl, apiKey, Duration.ofSeconds(10));
    }

    /** Creates a ticket and returns its id. */
    public int createTicket(String title) throws IOException, InterruptedException {
        Form form = new Form()
                .add("brandID", 1)
                .add("channelID", 1)
                .add("direction", "inbound")
                .add("from", "ada@example.test")
                .add("to", "desk@example.test")
                .add("title", title);
        return post("", form).get("ticketID").asInt();
    }

    public void closeTicket(int id) throws IOException, InterruptedException {
        put("/" + id, new Form().add("status", "closed"));
    }

    public void solveTickets(int... ids) throws IOException, InterruptedException {
        Form form = new Form().add("status", "solved");
        for (int id : ids) {
            form.add("ticketIDs[]", id);
        }
        post("/setStatus", form);
    }

    /** Returns the titles of all tickets that are not archived, the newest first. */
    public List<String> listTitles() throws IOException, InterruptedException {
        return get("").get("items").findValuesAsText("title");
    }

    protected JsonNode get(String path) throws IOException, InterruptedException {
        return send(newRequest(path).GET());
    }

    /** The help desk documents {@code multipart/form-data} for POST. */
    private JsonNode post(String path, Form form) throws IOException, InterruptedException {
        String boundary = UUID.randomUUID().toString();
        return send(newRequest(path)
                .header("Content-Type", "multipart/form-data; boundary=" + boundary)
                .POST(BodyPublishers.ofString(form.multipart(boundary))));
    }

    /** The help desk documents {@code application/x-www-form-urlencoded} for PUT. */
    private JsonNode put(String path, Form form) throws IOException, InterruptedException {
        return send(newRequest(path)
                .header("Content-Type", "application/x-www-form-urlencoded")
                .PUT(BodyPublishers.ofString(form.urlencoded())));
    }

    private HttpRequest.Builder newRequest(String path) {
        return HttpRequest.newBuilder(URI.create(ticketsUrl + path)).header("apiKey", apiKey).timeout(timeout);
    }

    private JsonNode send(HttpRequest.Builder request) throws IOException, InterruptedException {
        var response = HTTP.send(request.build(), BodyHandlers.ofString());
        if (response.statusCode() >= 500) {
            throw new IOException("status " + response.statusCode() + ": " + response.body());
        }
        if (response.statusCode() != 200) {
            throw new ApiException(response.statusCode(), errorMessage(response.body()));
        }
        return JSON.readTree(response.body());
    }

    /** Returns the error message of the help desk, or the whole body if a proxy sent the response. */
    private static String errorMessage(String body) {
        try {
            return JSON.readTree(body).path("message").asText(body);
        } catch (JsonProcessingException notJson) {
            return body;
        }
    }
}
