package desk;

import static org.junit.jupiter.api.Assertions.fail;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;

/** A new account. Its tickets, ids, keys, clock, faults and journal are invisible to other tests. */
final class Account implements AutoCloseable {
    private static final HttpClient HTTP = HttpClient.newHttpClient();
    private static final ObjectMapper JSON = new ObjectMapper();

    private final String url;
    private final String baseUrl;
    private final String apiKey;

    Account() {
        String controlUrl = System.getenv("OMNIDESK_CONTROL_URL");
        if (controlUrl == null) {
            fail("OMNIDESK_CONTROL_URL is not set. Run: omnidesk-mock run -- mvn test");
        }
        // A strict account rejects each request that the help desk does not document, such as one with a
        // misspelled field or with a JSON body. Without `strict`, the journal only has a warning about it.
        JsonNode account = send("POST", controlUrl + "/accounts", """
                {"strict": true}""");
        url = controlUrl + "/accounts/" + account.get("account").asText();
        baseUrl = account.get("base_url").asText();
        apiKey = account.get("api_key").asText();
    }

    String baseUrl() {
        return baseUrl;
    }

    String apiKey() {
        return apiKey;
    }

    /** Sends a request to the control API of this account. The test fails if the server rejects it. */
    JsonNode control(String method, String path, String body) {
        return send(method, url + path, body);
    }

    /** Removes the account. */
    @Override
    public void close() {
        send("DELETE", url, "");
    }

    private static JsonNode send(String method, String url, String body) {
        var request = HttpRequest.newBuilder(URI.create(url))
                .method(method, BodyPublishers.ofString(body))
                .header("Content-Type", "application/json");
        String token = System.getenv("OMNIDESK_CONTROL_TOKEN");
        if (token != null && !token.isEmpty()) {
            request.header("Authorization", "Bearer " + token);
        }
        try {
            var response = HTTP.send(request.build(), BodyHandlers.ofString());
            if (response.statusCode() >= 300) {
                fail(method + " " + url + ": " + explanation(response));
            }
            return JSON.readTree(response.body());
        } catch (IOException error) {
            throw new UncheckedIOException(method + " " + url, error);
        } catch (InterruptedException error) {
            throw new IllegalStateException(error);
        }
    }

    /** Returns the title and the detail of a problem, or the whole body if it is none. */
    private static String explanation(HttpResponse<String> response) {
        try {
            JsonNode problem = JSON.readTree(response.body());
            return problem.required("title").asText() + "\n" + problem.required("detail").asText();
        } catch (JsonProcessingException | IllegalArgumentException notAProblem) {
            return response.statusCode() + " " + response.body();
        }
    }
}
