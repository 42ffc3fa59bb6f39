import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Run with: omnidesk-mock run -- mvn test */
class TicketTest {
    private static final HttpClient HTTP = HttpClient.newHttpClient();
    private static final ObjectMapper JSON = new ObjectMapper();

    private String ticketsUrl;
    private String apiKey = "";
    private String accountUrl;

    @BeforeEach
    void createAccount() throws Exception {
        String control = System.getenv("OMNIDESK_CONTROL_URL");
        JsonNode account = send("POST", control + "/accounts", Map.of());
        ticketsUrl = account.get("base_url").asText() + "/api/v2/ticket";
        apiKey = account.get("api_key").asText();
        accountUrl = control + "/accounts/" + account.get("account").asText();
    }

    @AfterEach
    void removeAccount() throws Exception {
        send("DELETE", accountUrl, Map.of());
    }

    @Test
    void createdTicketIsListed() throws Exception {
        assertEquals(1, createTicket("Printer on fire"));
        assertEquals(List.of("Printer on fire"), listTitles());
    }

    @Test
    void closedTicketIsNotListedAfterAMonth() throws Exception {
        send("PUT", accountUrl + "/clock", Map.of("mode", "frozen", "at", "2026-03-01T12:00:00Z"));
        send("PUT", ticketsUrl + "/" + createTicket("Printer on fire"), Map.of("status", "closed"));
        assertEquals(List.of("Printer on fire"), listTitles());
        send("POST", accountUrl + "/clock/advance", Map.of("by", "31d"));
        assertEquals(List.of(), listTitles());
    }

    private int createTicket(String title) throws Exception {
        Map<String, Object> ticket = Map.of("brandID", 1, "channelID", 1, "direction", "inbound",
                "from", "ada@example.test", "to", "desk@example.test", "title", title);
        return send("POST", ticketsUrl, ticket).get("ticketID").asInt();
    }

    private List<String> listTitles() throws Exception {
        return send("GET", ticketsUrl, Map.of()).get("items").findValuesAsText("title");
    }

    private JsonNode send(String method, String url, Map<String, Object> body) throws Exception {
        var content = body.isEmpty() ? BodyPublishers.noBody() : BodyPublishers.ofString(JSON.writeValueAsString(body));
        var request = HttpRequest.newBuilder(URI.create(url)).method(method, content)
                .header("apiKey", apiKey).header("Content-Type", "application/json").build();
        var response = HTTP.send(request, BodyHandlers.ofString());
        assertTrue(response.statusCode() < 300, response.body());
        return JSON.readTree(response.body());
    }
}
