package desk;

import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/** The fields of a request, in order. A name can occur more than once, such as {@code ticketIDs[]}. */
final class Form {
    private record Field(String name, String value) {}

    private final List<Field> fields = new ArrayList<>();

    Form add(String name, Object value) {
        fields.add(new Field(name, String.valueOf(value)));
        return this;
    }

    /** Returns the fields as {@code application/x-www-form-urlencoded}, for a body or a query. */
    String urlencoded() {
        return fields.stream()
                .map(field -> encode(field.name()) + "=" + encode(field.value()))
                .collect(Collectors.joining("&"));
    }

    /** Returns the fields as {@code multipart/form-data}. */
    String multipart(String boundary) {
        String parts = fields.stream()
                .map(field -> "--" + boundary + "\r\n"
                        + "Content-Disposition: form-data; name=\"" + field.name() + "\"\r\n\r\n"
                        + field.value() + "\r\n")
                .collect(Collectors.joining());
        return parts + "--" + boundary + "--\r\n";
    }

    private static String encode(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8);
    }
}
