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

/** omnidesk-mock run -- mvn test */
class TicketTest {
    private static final HttpClient HTTP = HttpClient.newHttpClient();
    private static final ObjectMapper JSON = new ObjectMapper();

    private String tickets;
    private String apiKey = "";
    private String accountUrl;

    @BeforeEach
    void makeAccount() throws Exception {
        String control = System.getenv("OMNIDESK_CONTROL_URL");
        JsonNode account = ask("POST", control + "/accounts", Map.of());
        tickets = account.get("base_url").asText() + "/api/v2/ticket";
        apiKey = account.get("api_key").asText();
        accountUrl = control + "/accounts/" + account.get("account").asText();
    }

    @AfterEach
    void removeAccount() throws Exception {
        ask("DELETE", accountUrl, Map.of());
    }

    @Test
    void aReportBecomesTheFirstTicket() throws Exception {
        assertEquals(1, report("Printer on fire"));
        assertEquals(List.of("Printer on fire"), titles());
    }

    @Test
    void aClosedTicketLeavesTheListAfterAMonth() throws Exception {
        ask("PUT", accountUrl + "/clock", Map.of("mode", "frozen", "at", "2026-03-01T12:00:00Z"));
        ask("PUT", tickets + "/" + report("Printer on fire"), Map.of("status", "closed"));
        assertEquals(List.of("Printer on fire"), titles());
        ask("POST", accountUrl + "/clock/advance", Map.of("by", "31d"));
        assertEquals(List.of(), titles());
    }

    private int report(String title) throws Exception {
        Map<String, Object> ticket = Map.of("brandID", 1, "channelID", 1, "direction", "inbound",
                "from", "ada@example.test", "to", "desk@example.test", "title", title);
        return ask("POST", tickets, ticket).get("ticketID").asInt();
    }

    private List<String> titles() throws Exception {
        return ask("GET", tickets, Map.of()).get("items").findValuesAsText("title");
    }

    private JsonNode ask(String method, String url, Map<String, Object> body) throws Exception {
        var content = body.isEmpty() ? BodyPublishers.noBody() : BodyPublishers.ofString(JSON.writeValueAsString(body));
        var request = HttpRequest.newBuilder(URI.create(url)).method(method, content)
                .header("apiKey", apiKey).header("Content-Type", "application/json").build();
        var answer = HTTP.send(request, BodyHandlers.ofString());
        assertTrue(answer.statusCode() < 300, answer.body());
        return JSON.readTree(answer.body());
    }
}
